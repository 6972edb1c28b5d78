# What every adapter may use. Central puts `include "central";` before each adapter (central-adapter(5)).

# What is at hand: {url, tag, fetched} of the answer or record; settings of the source; the tag its request gave along.
def context: input;
def settings: context.settings;
def tag: context.tag;

# Definitions an adapter may leave out; items, where about says where the records are.
def items: .[];
def removed: empty;
def follow: empty;

# What `event` looks at of a record, as paths: the rest is not given to it, only kept. All of it, if an adapter does not say.
# central-adapter check runs every case both ways. uses_numbers: the same, of members that are given as numbers, also where a
# string holds one, and as null where there is none; uses_filled: of members that are given as null when they say nothing.
def uses: .;
def uses_numbers: empty;
def uses_filled: empty;

# What of an event is the same for every record: constants, and what is kept of it. What `event` yields comes in its place or
# beside it; of data and geo member by member. It sees no record.
def form: {};

# The bytes upstream sent at this path of the record, untouched: numbers keep their digits. An object can be changed on the
# way: keep(.properties; {depth: 10}) adds members or puts them in the place of its own. A third argument, or behind it
# rename({mag: "magnitude"}), gives members other names, numbers(["frp"]) makes numbers of them (null of what is none), texts(["version"]) puts "" in
# the place of null and of what is not there.
def keep(path): {"central:keep": path(path)};
def keep(path; members): {"central:keep": path(path), with: members};
def keep(path; members; names): {"central:keep": path(path), with: members, rename: names};
def rename($names): . + {rename: $names};
def numbers($names): . + {numbers: $names};
def texts($names): . + {texts: $names};

# In a category or subject given as an array of tokens: a text's letters, digits and blanks alone, a hyphen vanishes. Each token
# is brought to lower case, its blanks to underscores, by C: jq's ascii_downcase takes a step for each character.
def letters: {"central:letters": .};

# A word for a category: lower case, letters and digits, everything else an underscore, none at the ends.
def word:
  ascii_downcase | explode | map(if (. >= 97 and . <= 122) or (. >= 48 and . <= 57) then . else 95 end) | implode
  | split("_") | map(select(. != "")) | join("_") | if . == "" then "unknown" else . end;

# null for what says nothing.
def filled:
  if type == "string" then (if . == "" then null else . end) elif . == {} or . == [] then null else . end;

# A number, also one in a string; null for anything else. No `tonumber?` by itself: in jq 1.6 a `?` or `try` that succeeded also
# catches every error raised after it, and the record would vanish instead of becoming a reject. In an array it has ended
# before anything follows. Use neither in an adapter.
def number:
  if type == "number" then .
  elif type == "string" then [tonumber?][0] | if . == . then . else null end
  else null end;

# In a subject: the tokens of the primary region, id.county.fips16005. Regions may be given as codes, {same: [...], ugc: [...]}.
def region: {"central:region": "primary"};

# States by name.
def state_by_name: {
  "alabama": "AL", "alaska": "AK", "arizona": "AZ", "arkansas": "AR", "california": "CA", "colorado": "CO",
  "connecticut": "CT", "delaware": "DE", "district of columbia": "DC", "florida": "FL", "georgia": "GA", "hawaii": "HI",
  "idaho": "ID", "illinois": "IL", "indiana": "IN", "iowa": "IA", "kansas": "KS", "kentucky": "KY", "louisiana": "LA",
  "maine": "ME", "maryland": "MD", "massachusetts": "MA", "michigan": "MI", "minnesota": "MN", "mississippi": "MS",
  "missouri": "MO", "montana": "MT", "nebraska": "NE", "nevada": "NV", "new hampshire": "NH", "new jersey": "NJ",
  "new mexico": "NM", "new york": "NY", "north carolina": "NC", "north dakota": "ND", "ohio": "OH", "oklahoma": "OK",
  "oregon": "OR", "pennsylvania": "PA", "rhode island": "RI", "south carolina": "SC", "south dakota": "SD",
  "tennessee": "TN", "texas": "TX", "utah": "UT", "vermont": "VT", "virginia": "VA", "washington": "WA",
  "west virginia": "WV", "wisconsin": "WI", "wyoming": "WY", "american samoa": "AS", "guam": "GU",
  "northern mariana islands": "MP", "puerto rico": "PR", "virgin islands": "VI", "u.s. virgin islands": "VI"
};

# The box around the region of the settings, [west, south, east, north]; null for everywhere.
def region_box: context.region_box;

# A part of an id: a number rounded to so many decimals in its shortest form (33.5, 33.0). An id may be an array of parts,
# which are joined by colons.
def rounded($digits): {"central:round": ., digits: $digits};

# XML as Central hands it over: each child under its name as an array, a child without attributes and children as its text.
def text($name): (.[$name] // [])[0] | if type == "object" then .["#text"] // "" else . // "" end;

# HTML as plain text: tags removed, entities decoded, blanks collapsed.
def plain:
  {amp: "&", lt: "<", gt: ">", quot: "\"", apos: "'", nbsp: " ", ndash: "–", mdash: "—", lsquo: "‘", rsquo: "’",
   ldquo: "“", rdquo: "”", hellip: "…", bull: "•", deg: "°", middot: "·", frac12: "½", eacute: "é", ntilde: "ñ",
   aacute: "á", iacute: "í", oacute: "ó", uacute: "ú", prime: "′", Prime: "″", copy: "©", reg: "®", trade: "™"} as $named
  | def entity:
      if .name then $named[.name] // "&\(.name);"
      elif .hex then [.hex | ascii_downcase | explode | reduce .[] as $c (0; . * 16 + (if $c > 96 then $c - 87 else $c - 48 end))] | implode
      else [.number | tonumber] | implode end;
    def decoded:
      if contains("&") then gsub("&(?:(?<name>[A-Za-z][A-Za-z0-9]*)|#[xX](?<hex>[0-9A-Fa-f]{1,5})|#(?<number>[0-9]{1,6}));"; entity)
      else . end;
  gsub("<[^>]*>"; " ") | decoded | decoded | gsub("[\\s\\x{a0}]+"; " ") | ltrimstr(" ") | rtrimstr(" ");

# The time at which the answer came, as contract §1 writes it.
def fetched: context.fetched | floor | todate | .[:19] + "+00:00";

# All the text in an element, its children's before its own: what is marked up inside (XHTML) loses its order.
def texts:
  if type == "string" then . elif type == "array" then map(texts) | join(" ")
  elif type == "object" then ([to_entries[] | select(.key[:1] != "#" and .key[:1] != "@") | .value | texts] + [.["#text"] // ""]) | join(" ")
  else "" end;

# The first position of a GeoJSON geometry.
def first_position:
  def down: .[0] as $first | if ($first | type) == "array" then $first | down else . end;
  .coordinates // [] | down | select(length >= 2);

# Fires of the National Interagency Fire Center: incidents and perimeters share places, types and sizes.
def fire_type:
  if . == "WF" then "wildfire" elif . == "RX" then "prescribed_fire"
  else {CX: "complex", FA: "false_alarm"}[. // ""] // (. // "unknown" | word) end;
def fire_severity:
  if . < 10 then (if . == null or . <= 0 then 0 else 1 end) elif . < 100 then 2 elif . < 1000 then 3 else 4 end;
# On what is no string ltrimstr loses memory (jq 1.6).
def fire_state: if type == "string" then ltrimstr("US-") else . end;
def fire_regions($state; $county):
  if $county != null and $state != null then [["US", $state, $county]]
  elif $state == null then []
  else ["US-" + $state] end;
def fire_subject($kind; $state; $county):
  if $county != null and $state != null then ["fire", $kind, $state, $county]
  elif $state == null then ["fire", $kind, "unknown"]
  else ["fire", $kind, $state] end;
def fire_removed($kind):
  .last as $last
  | {
      id: "\($last.id):removed:\(.now)",
      category: "fire.\($kind).removed",
      subject: ["fire", $kind, "removed", $last.data.POOState],
      time: .now,
      severity: 0,
      data: {irwin_id: $last.id, last_observed_at: $last.seen, state: $last.data.POOState, county: $last.data.POOCounty,
             reason: "fallen_off_current_service"},
      removes: {id: $last.id, revision: $last.revision}
    };
def fire_request($layer):
  "https://services3.arcgis.com/T4QMspbfLg3qTGWY/ArcGIS/rest/services/\($layer)/FeatureServer/0/query" as $service
  | (region_box | if . then "&geometry=\(map(tostring) | join(","))&geometryType=esriGeometryEnvelope&spatialRel=esriSpatialRelIntersects&inSR=4326" else "" end) as $where
  | {
      url: "\($service)?where=1%3D1&outFields=*&returnGeometry=true&f=geojson\($where)",
      format: "json",
      paging: "arcgis"
    };
