# NOAA Space Weather Prediction Center: alerts, watches and warnings of about a month.
# https://www.swpc.noaa.gov/products/alerts-watches-and-warnings

def about: {
  name: "swpc_alerts",
  title: "NOAA SWPC space weather alerts",
  every: 300,
  timeout: 60,
  kind: "log",
  records: ".",
  keep: "14d",
  settings: {}
};

def requests: {url: "https://services.swpc.noaa.gov/products/alerts.json", format: "json"};

# K05A, K06W ... : the planetary K index that the product warns of.
def severity:
  (.[:3] | {K05: 1, K06: 2, K07: 3, K08: 4, K09: 4}[.]) as $k
  | if $k and (.[3:] | startswith("A") or startswith("W")) then $k else 0 end;

def event: {
  id: "\(.product_id)|\(.issue_datetime)",
  category: "space.alert",
  subject: ["space", "alert", .product_id],
  time: .issue_datetime,
  severity: (.product_id // "" | severity),
  data: keep(.)
};
