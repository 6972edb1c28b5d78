include "map";

def state_by_fips: {
  "01": "AL", "02": "AK", "04": "AZ", "05": "AR", "06": "CA", "08": "CO", "09": "CT", "10": "DE", "11": "DC", "12": "FL",
  "13": "GA", "15": "HI", "16": "ID", "17": "IL", "18": "IN", "19": "IA", "20": "KS", "21": "KY", "22": "LA", "23": "ME",
  "24": "MD", "25": "MA", "26": "MI", "27": "MN", "28": "MS", "29": "MO", "30": "MT", "31": "NE", "32": "NV", "33": "NH",
  "34": "NJ", "35": "NM", "36": "NY", "37": "NC", "38": "ND", "39": "OH", "40": "OK", "41": "OR", "42": "PA", "44": "RI",
  "45": "SC", "46": "SD", "47": "TN", "48": "TX", "49": "UT", "50": "VT", "51": "VA", "53": "WA", "54": "WV", "55": "WI",
  "56": "WY", "60": "AS", "66": "GU", "69": "MP", "72": "PR", "78": "VI"
};

def same($states):
  select(length == 6 and (explode | all(. >= 48 and . <= 57))) | $states[.[1:3]] as $state | select($state)
  | "US-\($state)-FIPS\(.[1:])";
def ugc: select(length > 2 and (.[0:2] | explode | all(. >= 65 and . <= 90))) | "US-\(.[0:2])-\(.[2:])";
def subject:
  if . == null then "central.wx.alert.us.unknown"
  else .[6:] as $code
    | (if ($code | startswith("Z")) and ($code[1:] | length > 0 and (explode | all(. >= 48 and . <= 57))) then "zone"
       else "county" end) as $kind
    | "central.wx.alert.us.\(.[3:5] | token).\($kind).\($code | token)" end;
def name:
  ascii_downcase | explode
  | map(select((. >= 97 and . <= 122) or (. >= 48 and . <= 57) or . == 32)) | implode
  | split(" ") | map(select(. != "")) | join("_") | if . == "" then "unknown" else . end;

def nws: state_by_fips as $states | raw(.data
  | .properties as $p | .geometry as $g
  | ([($p.geocode.SAME // [] | .[] | same($states)), ($p.geocode.UGC // [] | .[] | ugc)] | unique) as $regions
  | (if $g then $g | vertices else null end) as $vertices
  | {
      id, category: "wx.alert.\($p.event // "" | name)", subject: ($regions[0] | subject),
      time: $p.sent, expires: $p.expires, severity: {Extreme: 4, Severe: 3, Moderate: 2, Minor: 1}[$p.severity // ""],
      centroid: (if $g then $vertices | mean else null end), bbox: (if $g then $vertices | box else null end),
      geometry: $g, regions: $regions, data: $p
    }
  | envelope("nws"));
