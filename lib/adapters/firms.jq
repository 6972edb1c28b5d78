# NASA FIRMS: hotspots that satellites see, as CSV of the last day in a box.
# https://firms.modaps.eosdis.nasa.gov/api/area/

def about: {
  name: "firms",
  title: "NASA FIRMS hotspots",
  every: 300,
  timeout: 120,
  kind: "window",
  keep: "48h",
  credential: "firms",
  settings: {
    satellites: {
      type: "list", enum: ["VIIRS_SNPP_NRT", "VIIRS_NOAA20_NRT", "VIIRS_NOAA21_NRT"],
      default: ["VIIRS_SNPP_NRT", "VIIRS_NOAA20_NRT"], help: "which satellites to ask for"
    },
    region: {type: "region", required: true, help: "the box to ask for"}
  }
};

# So many days as reach back to the last complete poll; five is the service's limit.
def requests: {
  template: "https://firms.modaps.eosdis.nasa.gov/api/area/csv/{key}/{satellite}/{region_box}/{reach}",
  each: {satellite: "satellites"},
  reach: [["1", 86400], ["2", 172800], ["3", 259200], ["4", 345600], ["5"]],
  format: "csv"
};

# Errors come as text with status 200: only an answer with the columns is one.
def items:
  if (.header | any(. == "latitude")) and (.header | any(. == "acq_time")) then .rows[]
  else error("not the CSV of FIRMS: \(.header | join(",") | .[:100])") end;

def uses: .latitude, .longitude, .acq_date, .acq_time, .confidence;

# "0035", "00:35" or "35".
def clock:
  if length == 4 and (contains(":") | not) then .
  else split(":") | add // "" | if length < 4 then "0000"[length:] + . else . end end;
# A word or its letter; what is in capitals is rare.
def confidence:
  {l: "low", low: "low", n: "nominal", nominal: "nominal", h: "high", high: "high"} as $words
  | $words[.] // $words[ascii_downcase] // "nominal";
def confidence_letter:
  {l: "l", low: "l", n: "n", nominal: "n", h: "h", high: "h"} as $letters
  | $letters[.] // (ascii_downcase | $letters[.] // .);

def event:
  (.latitude | number) as $lat | (.longitude | number) as $lon
  | (if $lat == null or $lon == null then error("no coordinates") else .acq_time // "" | clock end) as $clock
  | (.confidence // "") as $given | ($given | confidence) as $confidence
  | tag.satellite as $satellite
  | {
      id: [$satellite, .acq_date, $clock, ($lat | rounded(3)), ($lon | rounded(3))],
      category: ["fire", "hotspot", ($satellite | rtrimstr("_NRT")), $confidence],
      time: (.acq_date + "T" + $clock[:2] + ":" + $clock[2:4] + "Z"),
      severity: {high: 3, nominal: 2, low: 1}[$confidence],
      geo: {point: [$lon, $lat]},
      data: (keep(.; {confidence: $confidence, confidence_raw: ($given | confidence_letter)})
             | numbers(["latitude", "longitude", "bright_ti4", "bright_ti5", "scan", "track", "frp"])
             | texts(["acq_date", "acq_time", "satellite", "instrument", "version", "daynight"]))
    };
