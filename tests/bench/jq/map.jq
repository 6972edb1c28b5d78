# What a user who has jq alone would write to turn raw events into canonical ones: the parts that all adapters share.

# Milliseconds or RFC 3339 text as UTC without a zone, a fraction of six digits only when it is not zero.
def stamp:
  if type == "number" then
    (. / 1000 | floor) as $s | (. - $s * 1000) as $ms
    | ($s | todate | .[:19]) + (if $ms == 0 then "" else ".\((1000 + $ms | tostring)[1:])000" end)
  elif endswith("Z") then .[:19]
  else (.[:19] + "Z" | fromdate)
    - ((.[-5:-3] | tonumber) * 3600 + (.[-2:] | tonumber) * 60) * (if .[-6:-5] == "-" then -1 else 1 end)
    | todate | .[:19] end;

def filled: if . == "" or . == {} or . == [] then null else . end;

# A token of a subject.
def token:
  ascii_downcase | explode
  | map(if (. >= 97 and . <= 122) or (. >= 48 and . <= 57) or . == 45 then . else 95 end) | implode
  | split("_") | map(select(. != "")) | join("_") | if . == "" then "unknown" else . end;

# Geometry: all vertices, the box around them, the centroid of an area.
def vertices:
  if .type == "Polygon" then [.coordinates[][]]
  elif .type == "MultiPolygon" then [.coordinates[][][]]
  elif .type == "Point" then [.coordinates]
  else [.coordinates[]] end;
def box: map(.[0]) as $x | map(.[1]) as $y | [($x | min), ($y | min), ($x | max), ($y | max)];
def mean: length as $n | [(map(.[0]) | add / $n), (map(.[1]) | add / $n)];
# Twice the area and six times the moments of a ring, from its first vertex.
def moments($o):
  . as $r
  | reduce range(length - 1) as $i ([0, 0, 0];
      ($r[$i][0] - $o[0]) as $x | ($r[$i][1] - $o[1]) as $y | ($r[$i + 1][0] - $o[0]) as $u | ($r[$i + 1][1] - $o[1]) as $v
      | ($x * $v - $u * $y) as $c
      | [.[0] + $c, .[1] + ($x + $u) * $c, .[2] + ($y + $v) * $c]);
# Holes run the other way round than what they are in.
def area_centroid:
  (if .type == "Polygon" then .coordinates else [.coordinates[][]] end) as $rings
  | $rings[0][0] as $o
  | reduce ($rings[] | moments($o)) as $m ([0, 0, 0]; [.[0] + $m[0], .[1] + $m[1], .[2] + $m[2]])
  | [$o[0] + .[1] / (3 * .[0]), $o[1] + .[2] / (3 * .[0])];

# The canonical event of {id, category, subject, time, expires, severity, centroid, bbox, geometry, regions, data}.
def envelope($adapter):
  (.time | stamp) as $time
  | {
      specversion: "1.0", id: .id, source: "central", type: "central.\(.category).v1", time: ($time + "+00:00"),
      datacontenttype: "application/json", centralschemaversion: "1.0", centralcategory: .category
    }
    + (if .severity == null then {} else {centralseverity: .severity} end)
    + {
        centralsubject: .subject,
        data: {
          id: .id, adapter: $adapter, category: .category, time: ($time + "Z"),
          expires: (if .expires == null then null else (.expires | stamp) + "Z" end),
          severity: .severity,
          geo: {centroid: .centroid, bbox: .bbox, geometry: .geometry, regions: .regions, primary_region: .regions[0]},
          data: .data
        }
      };

# Lines that are no raw events pass.
def raw(f): if .type == "central.raw.v1" then f else . end;

# Fires.
def fire_type: {WF: "wildfire", RX: "prescribed_fire", CX: "complex", FA: "false_alarm"}[. // ""] // (. // "unknown" | token);
def fire_severity:
  (if type == "string" then tonumber else . end)
  | if . == null or . <= 0 then 0 elif . < 10 then 1 elif . < 100 then 2 elif . < 1000 then 3 else 4 end;
def fire_state: filled | if . == null then null elif startswith("US-") then .[3:] else . end;
def fire_regions($state; $county):
  if $state == null then []
  elif $county == null then ["US-\($state)"]
  else ["US-\($state)-\($county | ascii_upcase | split(" ") | join("_"))"] end;
def fire_subject($kind; $state; $county):
  "central.fire.\($kind)." + (
    if $state == null then "unknown" elif $county == null then $state | token else "\($state | token).\($county | token)" end);
