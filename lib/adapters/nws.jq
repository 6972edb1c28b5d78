# National Weather Service: active alerts of the United States.
# https://www.weather.gov/documentation/services-web-api

def about: {
  name: "nws",
  title: "National Weather Service alerts",
  every: 60,
  timeout: 60,
  kind: "window",
  keep: "8d",
  settings: {
    contact_email: {
      type: "email", default: "", help: "goes into the User-Agent, as the service asks of its users"
    }
  }
};

def requests: {url: "https://api.weather.gov/alerts/active", format: "json", headers: ["Accept: application/geo+json"]};

def items:
  if (.features | type) == "array" then .features[] else error("no array of features in the answer") end;

# SAME PSSCCC: the state's FIPS code is its second and third digit. UGC: two letters of the state, then county or zone.
def regions:
  [ (.SAME // [] | .[] | select(length == 6 and (explode | all(. >= 48 and . <= 57)))
     | state_by_fips[.[1:3]] as $state | select($state) | "US-\($state)-FIPS\(.[1:])"),
    (.UGC // [] | .[] | select(length > 2 and (.[0:2] | explode | all(. >= 65 and . <= 90))) | "US-\(.[0:2])-\(.[2:])")
  ] | unique;

def subject:
  if . == null then ["wx", "alert", "us", "unknown"]
  else .[6:] as $code
    | ["wx", "alert", "us", .[3:5],
       (if ($code | startswith("Z")) and ($code[1:] | length > 0 and (explode | all(. >= 48 and . <= 57))) then "zone"
        else "county" end), $code]
  end;

# Letters, digits and blanks stay, the rest vanishes: "Non-Precipitation" is nonprecipitation.
def name:
  ascii_downcase | explode
  | map(select((. >= 97 and . <= 122) or (. >= 48 and . <= 57) or . == 32)) | implode
  | split(" ") | map(select(. != "")) | join("_") | if . == "" then "unknown" else . end;

def event:
  .properties as $p
  | (if $p.sent then $p.sent else error("no sent time") end) as $sent
  | ($p.geocode // {} | regions) as $regions
  | {
      id,
      category: "wx.alert.\($p.event // "" | name)",
      subject: ($regions[0] | subject),
      time: $sent,
      expires: $p.expires,
      severity: {Extreme: 4, Severe: 3, Moderate: 2, Minor: 1}[$p.severity // ""],
      geo: {geometry: keep(.geometry), centroid: "vertices", regions: $regions},
      data: keep(.properties)
    };
