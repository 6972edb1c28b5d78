# USGS water data: the latest reading of every gauge, by parameter.
# https://api.waterdata.usgs.gov/ogcapi/v0/

def about: {
  name: "nwis",
  title: "USGS water gauges",
  every: 900,
  timeout: 120,
  kind: "window",
  records: "features",
  keep: "30d",
  settings: {
    parameters: {
      type: "list", default: ["00060", "00065", "00010"],
      help: "parameter codes: 00060 discharge, 00065 gauge height, 00010 water temperature"
    }
  }
};

def requests:
  (region_box | if . then "&bbox=\(map(tostring) | join(","))" else "" end) as $box
  | settings.parameters[]
  | {
      url: "https://api.waterdata.usgs.gov/ogcapi/v0/collections/latest-continuous/items?f=json&parameter_code=\(.)&limit=1000\($box)",
      format: "json",
      paging: "links"
    };

def event:
  .properties as $p
  | ($p.value | number) as $value
  | ($p.monitoring_location_id // "") as $site
  | select($value != null and $site != "" and $p.time)
  | ($site | index("-") // error("monitoring_location_id without agency: \($site)")) as $dash
  | {
      id: "\($site):\($p.parameter_code):\($p.time)",
      category: "hydro.\($p.parameter_code | word).\($site[:$dash] | word).\($site[$dash + 1:] | word)",
      time: $p.time,
      severity: 0,
      geo: {point: (.geometry // {} | [first_position][0])},
      data: keep(.properties; {value: $value})
    };
