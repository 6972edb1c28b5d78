# NOAA Space Weather Prediction Center: integral proton flux that GOES measures, every five minutes.
# https://www.swpc.noaa.gov/products/goes-proton-flux

def about: {
  name: "swpc_protons",
  title: "NOAA SWPC proton flux",
  every: 600,
  timeout: 60,
  kind: "window",
  keep: "14d",
  settings: {}
};

# The shortest file that reaches back to the last complete poll.
def requests:
  (.now - (.state.last_success // .now)) as $gap
  | (if $gap < 82800 then "1" elif $gap < 255600 then "3" else "7" end) as $days
  | {url: "https://services.swpc.noaa.gov/json/goes/primary/integral-protons-\($days)-day.json", format: "json"};

def items: if type == "array" then .[] else error("not an array") end;

def event: {
  id: "\(.time_tag)|\(.energy)",
  category: "space.proton_flux",
  time: .time_tag,
  severity: 0,
  data: keep(.)
};
