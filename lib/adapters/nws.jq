# National Weather Service: active alerts of the United States.
# https://www.weather.gov/documentation/services-web-api

def about: {
  name: "nws",
  title: "National Weather Service alerts",
  every: 60,
  timeout: 60,
  kind: "window",
  records: "features",
  keep: "8d",
  settings: {
    contact_email: {
      type: "email", default: "", help: "goes into the User-Agent, as the service asks of its users"
    }
  }
};

def requests: {url: "https://api.weather.gov/alerts/active", format: "json", headers: ["Accept: application/geo+json"]};

def uses:
  .id, (.properties | .sent, .expires, .event, .severity, .geocode);

def event:
  .properties as $p
  | if $p.sent then . else error("no sent time") end
  | {
      id,
      category: ["wx", "alert", ($p.event | letters)],
      subject: ["wx", "alert", "us", region],
      time: $p.sent,
      expires: $p.expires,
      severity: {Extreme: 4, Severe: 3, Moderate: 2, Minor: 1}[$p.severity // ""],
      geo: {geometry: keep(.geometry), centroid: "vertices", regions: {same: $p.geocode.SAME, ugc: $p.geocode.UGC}},
      data: keep(.properties)
    };
