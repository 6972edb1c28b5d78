include "map";

def tier:
  if . < 3 then ["minor", 0] elif . < 4 then ["light", 1] elif . < 5 then ["moderate", 2] elif . < 6 then ["strong", 3]
  elif . < 7 then ["major", 4] else ["great", 4] end;

def usgs_quake: raw(.data
  | .geometry.coordinates as $at | .properties as $p
  | select($p.mag != null and ($at | length) >= 2)
  | ($p.mag | tier) as [$tier, $severity]
  | {
      id, category: "quake.event.\($tier)", subject: "central.quake.event.\($tier)", time: $p.time, severity: $severity,
      centroid: $at[:2], bbox: ($at[:2] + $at[:2]), regions: [],
      data: ($p + {magnitude: $p.mag, time_ms: $p.time, updated_ms: $p.updated,
                   longitude: $at[0], latitude: $at[1], depth: $at[2]} | del(.mag, .time, .updated))
    }
  | envelope("usgs_quake"));
