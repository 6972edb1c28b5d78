# NASA EONET: natural events that are open, each with the positions it had.
# https://eonet.gsfc.nasa.gov/docs/v3

def about: {
  name: "eonet",
  title: "NASA EONET natural events",
  every: 1800,
  timeout: 120,
  kind: "snapshot",
  records: "events",
  keep: "30d",
  settings: {}
};

def requests: {url: "https://eonet.gsfc.nasa.gov/api/v3/events", format: "json"};

# severeStorms is severe_storms.
def snake:
  explode | map(if . >= 65 and . <= 90 then 95, . + 32 else . end) | implode | word;

def event:
  (.categories[0].id // "unknown") as $category
  | (.geometry | to_entries | map(select(.value.date)) | max_by(.value.date)) as $latest
  | (if $latest then $latest.value else error("no dated geometry") end) as $g
  | (if $g.type == "Point" then $g.coordinates else null end) as $at
  | {
      id,
      category: "disaster.eonet.\($category | snake)",
      subject: ["disaster", "eonet", ($category | snake), "global"],
      time: $g.date,
      severity: 0,
      geo: (if $at then {point: $at}
            else {geometry: {type: $g.type, coordinates: keep(.geometry[$latest.key].coordinates)}} end),
      data: {
        event_id: .id, category_id: $category, title, description, url: .link, closed, sources: keep(.sources),
        magnitudeValue: $g.magnitudeValue, magnitudeUnit: $g.magnitudeUnit, latest_geometry_date: $g.date,
        latitude: $at[1], longitude: $at[0],
        raw: keep(.)
      }
    };

def removed:
  .last as $last
  | ($last.data.category_id | snake) as $category
  | {
      id: "\($last.id):removed:\(.now)",
      category: "disaster.eonet.\($category).removed",
      subject: ["disaster", "eonet", $category, "removed", "global"],
      time: .now,
      severity: 0,
      data: {event_id: $last.id, category_id: $last.data.category_id, reason: "missing_from_feed"},
      removes: {id: $last.id, revision: $last.revision}
    };
