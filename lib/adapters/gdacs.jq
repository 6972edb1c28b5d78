# GDACS: disasters of the world with a humanitarian impact, as RSS.
# https://www.gdacs.org/

def about: {
  name: "gdacs",
  title: "GDACS disaster alerts",
  every: 600,
  timeout: 60,
  kind: "snapshot",
  keep: "30d",
  settings: {
    event_types: {
      type: "list", enum: ["WF", "DR", "FL", "VO", "TC", "EQ"], default: ["WF", "DR", "FL", "VO", "TC"],
      help: "wildfires, droughts, floods, volcanoes, cyclones; earthquakes come from usgs_quake"
    }
  }
};

def requests: {url: "https://www.gdacs.org/xml/rss.xml", format: "xml"};
def items: if .["#name"] == "rss" then .channel[0].item // [] | .[] else error("not RSS") end;

def country: split(",")[0] // "" | ascii_downcase | split(" ") | map(select(. != "")) | join("-");

def box: split(" ") | map(select(. != "") | number) | if length == 4 and all then [.[0], .[2], .[1], .[3]] else null end;

def event:
  text("gdacs:eventtype") as $type
  | select(settings.event_types | any(. == $type))
  | (text("guid") | filled // error("no guid")) as $guid
  | text("gdacs:country") as $country
  | text("gdacs:iso3") as $iso3
  | ((.["geo:Point"] // [])[0] // {} | if type == "object" then [text("geo:long"), text("geo:lat") | number] else [] end
     | if length == 2 and all(. != null) then . else null end) as $at
  | (text("gdacs:iscurrent") | ascii_downcase == "true") as $current
  | "disaster.\($type | word)" as $category
  | {
      id: $guid,
      category: $category,
      subject: ["disaster", $type, ($country | country)],
      time: ((text("gdacs:fromdate") | filled) // text("pubDate")),
      severity: ({Green: 1, Orange: 2, Red: 3}[text("gdacs:alertlevel")] // 0),
      geo: {point: $at, bbox: (text("gdacs:bbox") | box), regions: [$iso3, $country | select(. != "")][:1]},
      data: {
        guid: $guid, eventtype: $type, eventid: text("gdacs:eventid"), country: $country, iso3: $iso3,
        alertlevel: text("gdacs:alertlevel"), alertscore: text("gdacs:alertscore"), title: text("title"),
        description: text("description"), url: text("link"), datemodified: text("gdacs:datemodified"),
        iscurrent: $current, latitude: $at[1], longitude: $at[0],
        raw: keep(.)
      }
    }
  # An event that GDACS itself calls past is the removal of the one seen before; central-changes drops it if there was none.
  | if $current then .
    else {
      id: "\($guid):removed:\(fetched)", category: "\($category).removed",
      subject: ["disaster", $type, "removed", ($country | country)], time: fetched, severity: 0, geo,
      data: (.data + {reason: "iscurrent_false"}), removes: {id: $guid}
    } end;

def removed:
  .last as $last
  | {
      id: "\($last.id):removed:\(.now)",
      category: "disaster.\($last.data.eventtype | word).removed",
      subject: ["disaster", $last.data.eventtype, "removed", ($last.data.country | country)],
      time: .now,
      severity: 0,
      geo: {regions: $last.geo.regions},
      data: {guid: $last.id, country: $last.data.country, eventtype: $last.data.eventtype, last_observed_at: $last.seen,
             reason: "missing_from_feed"},
      removes: {id: $last.id, revision: $last.revision}
    };
