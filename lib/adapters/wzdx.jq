# US work zones: a registry of feeds in the Work Zone Data Exchange format, and the feeds.
# https://datahub.transportation.gov/Roadways-and-Bridges/Work-Zone-Data-Exchange-WZDx-Feed-Registry/69qe-yiui

def about: {
  name: "wzdx",
  title: "US work zones",
  every: 600,
  timeout: 120,
  kind: "window",
  records: "features",
  keep: "14d",
  settings: {}
};

def requests: {
  url: "https://datahub.transportation.gov/resource/69qe-yiui.json?$limit=200", format: "json", follow: true
};

def true_word: . == true or (type == "string" and ascii_downcase == "true");

# The registry's rows become requests.
def follow:
  if type != "array" then error("the registry is not an array") else .[] end
  | select((.format // "" | ascii_downcase) == "geojson" and (.active | true_word) and (.needapikey | true_word | not)
           and (.version // "" | tostring | startswith("4")))
  | (.url | if type == "object" then .url else . end) as $url
  | select($url | type == "string" and startswith("http"))
  | {url: $url, format: "json", tag: {name: .feedname, state: .state}};

def severity: {"all-lanes-closed": 3, "some-lanes-closed": 2}[. // ""] // 1;

def event:
  .properties as $p
  | $p.core_details as $core
  | select($core.event_type == "work-zone")
  | tag as $feed
  | ($feed.state // "" | state_by_name[ascii_downcase] // (if length == 2 then ascii_upcase else null end)) as $state
  | (.geometry // {} | [first_position][0]) as $at
  | {
      id: "\($core.data_source_id // $feed.name // "wzdx"):\(.id // error("no feature id"))",
      category: "work_zone.wzdx",
      subject: ["traffic", "work_zone", $state],
      time: ($core.update_date // $p.start_date),
      expires: $p.end_date,
      severity: ($p.vehicle_impact | severity),
      geo: {point: $at, geometry: keep(.geometry), regions: (if $state then ["US-\($state)"] else [] end)},
      data: {
        road_names: $core.road_names, direction: $core.direction, description: $core.description,
        vehicle_impact: $p.vehicle_impact, event_status: $p.event_status, start_date: $p.start_date,
        end_date: $p.end_date, data_source_id: $core.data_source_id, feed_name: $feed.name, feed_state: $feed.state,
        feed_state_code: $state, latitude: $at[1], longitude: $at[0],
        raw: keep(.properties)
      }
    };
