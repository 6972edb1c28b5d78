# USGS earthquakes: GeoJSON summaries of the last hour, day, week, month.
# https://earthquake.usgs.gov/earthquakes/feed/v1.0/geojson.php

def about: {
  name: "usgs_quake",
  title: "USGS earthquakes",
  every: 60,
  timeout: 60,
  kind: "window",
  records: "features",
  keep: "31d",
  settings: {
    feed: {
      type: "string", enum: ["all_hour", "all_day", "all_week", "all_month"], default: "all_hour",
      help: "how far back each poll looks; after an outage Central asks for a wider one by itself"
    }
  }
};

# The narrowest summary, not under the setting's, that reaches back to the last complete poll; ten minutes to spare.
def requests: {
  template: "https://earthquake.usgs.gov/earthquakes/feed/v1.0/summary/{reach}.geojson",
  reach: [["all_hour", 3000], ["all_day", 85800], ["all_week", 604200], ["all_month"]], at_least: "feed",
  format: "json"
};

# The same for every quake, so jq has it from the start.
def tier:
  if . < 3 then {category: "quake.event.minor", severity: 0} elif . < 4 then {category: "quake.event.light", severity: 1}
  elif . < 5 then {category: "quake.event.moderate", severity: 2} elif . < 6 then {category: "quake.event.strong", severity: 3}
  elif . < 7 then {category: "quake.event.major", severity: 4} else {category: "quake.event.great", severity: 4} end;

def uses: .geometry.coordinates, .properties.mag;
def form: {
  id: keep(.id),
  time: keep(.properties.time),
  geo: {point: keep(.geometry.coordinates)},
  data: keep(.properties;
             {longitude: keep(.geometry.coordinates[0]), latitude: keep(.geometry.coordinates[1]), depth: keep(.geometry.coordinates[2])};
             {mag: "magnitude", time: "time_ms", updated: "updated_ms"})
};

def event:
  .properties.mag as $mag
  | select($mag != null and (.geometry.coordinates | length) >= 2)
  | $mag | if type == "number" then tier else error("magnitude is no number") end;
