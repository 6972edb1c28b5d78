# NOAA Space Weather Prediction Center: the planetary K index, every three hours of a week.
# https://www.swpc.noaa.gov/products/planetary-k-index

def about: {
  name: "swpc_kindex",
  title: "NOAA SWPC planetary K index",
  every: 600,
  timeout: 60,
  kind: "window",
  keep: "14d",
  settings: {}
};

def requests: {url: "https://services.swpc.noaa.gov/products/noaa-planetary-k-index.json", format: "json"};

# Objects, or the older form: arrays behind a row of names.
def items:
  if type != "array" then error("not an array")
  elif (.[0] | type) == "array" then
    .[0] as $names | .[1:][] | [$names, .] | transpose | map({(.[0]): .[1]}) | add
  else .[] end;

def event:
  (.Kp | number) as $kp
  | {
      id: .time_tag,
      category: "space.kindex",
      time: .time_tag,
      severity: (if $kp == null then error("Kp is no number") elif $kp < 5 then 0 elif $kp < 6 then 1
                 elif $kp < 7 then 2 elif $kp < 8 then 3 else 4 end),
      data: keep(.; {Kp: $kp, a_running: (.a_running | number), station_count: (.station_count | number)})
    };
