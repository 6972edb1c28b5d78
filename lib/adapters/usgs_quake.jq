# USGS earthquakes: GeoJSON summaries of the last hour, day, week, month.
# https://earthquake.usgs.gov/earthquakes/feed/v1.0/geojson.php

def about: {
  name: "usgs_quake",
  title: "USGS earthquakes",
  every: 60,
  timeout: 60,
  kind: "window",
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

def items:
  if (.features | type) == "array" then .features[] else error("no array of features in the answer") end;

def tier:
  if . < 3 then ["minor", 0] elif . < 4 then ["light", 1] elif . < 5 then ["moderate", 2] elif . < 6 then ["strong", 3]
  elif . < 7 then ["major", 4] else ["great", 4] end;

def uses: .id, .geometry.coordinates, .properties.mag, .properties.time;

def event:
  .geometry.coordinates as $at | .properties as $p
  | select($p.mag != null and ($at | length) >= 2)
  | ($p.mag | if type == "number" then tier else error("magnitude is no number") end) as $tier
  | {
      id,
      category: ("quake.event." + $tier[0]),
      time: $p.time,
      severity: $tier[1],
      geo: {point: $at},
      data: keep(.properties; {longitude: $at[0], latitude: $at[1], depth: $at[2]};
                 {mag: "magnitude", time: "time_ms", updated: "updated_ms"})
    };
