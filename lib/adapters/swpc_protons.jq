# NOAA Space Weather Prediction Center: integral proton flux that GOES measures, every five minutes.
# https://www.swpc.noaa.gov/products/goes-proton-flux

def about: {
  name: "swpc_protons",
  title: "NOAA SWPC proton flux",
  every: 600,
  timeout: 60,
  kind: "window",
  records: ".",
  keep: "14d",
  settings: {}
};

# The shortest file that reaches back to the last complete poll.
def requests: {
  template: "https://services.swpc.noaa.gov/json/goes/primary/integral-protons-{reach}-day.json",
  reach: [["1", 82800], ["3", 255600], ["7"]],
  format: "json"
};

def event: {
  id: "\(.time_tag)|\(.energy)",
  category: "space.proton_flux",
  time: .time_tag,
  severity: 0,
  data: keep(.)
};
