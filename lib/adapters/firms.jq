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

def uses: .acq_date, .acq_time, .confidence;
def uses_numbers: .latitude, .longitude;
def form: {
  data: (keep(.; {confidence: null, confidence_raw: null})
         | numbers(["latitude", "longitude", "bright_ti4", "bright_ti5", "scan", "track", "frp"])
         | texts(["acq_date", "acq_time", "satellite", "instrument", "version", "daynight"]))
};

# "0035", "00:35" or "35".
def clock:
  if contains(":") or length != 4 then split(":") | add // "" | if length < 4 then "0000"[length:] + . else . end
  else . end;
# A word or its letter as word, letter and severity; what is in capitals is rare.
def confidence:
  {l: ["low", "l", 1], low: ["low", "l", 1], n: ["nominal", "n", 2], nominal: ["nominal", "n", 2], h: ["high", "h", 3],
   high: ["high", "h", 3]} as $known
  | $known[.] // (ascii_downcase | $known[.] // ["nominal", ., 2]);

def event:
  .latitude as $lat | .longitude as $lon
  | (if $lat == null or $lon == null then error("no coordinates") else .acq_time // "" | clock end) as $clock
  | (.confidence // "" | confidence) as $confidence
  | tag.satellite as $satellite
  | {
      id: [$satellite, .acq_date, $clock, ($lat | rounded(3)), ($lon | rounded(3))],
      category: ["fire", "hotspot", ($satellite | rtrimstr("_NRT")), $confidence[0]],
      time: [.acq_date, $clock],
      severity: $confidence[2],
      geo: {point: [$lon, $lat]},
      data: {confidence: $confidence[0], confidence_raw: $confidence[1]}
    };
