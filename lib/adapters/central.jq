# What every adapter may use. Central puts `include "central";` before each adapter (central-adapter(5)).

# What is at hand: {url, tag, fetched} of the answer or record; settings of the source; the tag its request gave along.
def context: input;
def settings: context.settings;
def tag: context.tag;

# Definitions an adapter may leave out.
def items: .[];
def removed: empty;

# The bytes upstream sent at this path of the record, untouched: numbers keep their digits. An object can be changed on the
# way: keep(.properties) | rename({mag: "magnitude"}) | with({depth: 10}).
def keep(path): {"central:keep": path(path)};
def rename($names): .rename = (.rename // {}) + $names;
def with($members): .with = (.with // {}) + $members;

# A word for a category: lower case, letters and digits, everything else an underscore, none at the ends.
def word:
  ascii_downcase | explode | map(if (. >= 97 and . <= 122) or (. >= 48 and . <= 57) then . else 95 end) | implode
  | split("_") | map(select(. != "")) | join("_") | if . == "" then "unknown" else . end;

# null for what says nothing.
def filled: if . == "" or . == {} or . == [] then null else . end;
def number: if type == "number" then . elif type == "string" then (tonumber? // null) else null end;

# FIPS codes of states (SSCCC: the first two digits), and states by name.
def state_by_fips: {
  "01": "AL", "02": "AK", "04": "AZ", "05": "AR", "06": "CA", "08": "CO", "09": "CT", "10": "DE", "11": "DC", "12": "FL",
  "13": "GA", "15": "HI", "16": "ID", "17": "IL", "18": "IN", "19": "IA", "20": "KS", "21": "KY", "22": "LA", "23": "ME",
  "24": "MD", "25": "MA", "26": "MI", "27": "MN", "28": "MS", "29": "MO", "30": "MT", "31": "NE", "32": "NV", "33": "NH",
  "34": "NJ", "35": "NM", "36": "NY", "37": "NC", "38": "ND", "39": "OH", "40": "OK", "41": "OR", "42": "PA", "44": "RI",
  "45": "SC", "46": "SD", "47": "TN", "48": "TX", "49": "UT", "50": "VT", "51": "VA", "53": "WA", "54": "WV", "55": "WI",
  "56": "WY", "60": "AS", "66": "GU", "69": "MP", "72": "PR", "78": "VI"
};
def state_by_name: {
  "alabama": "AL", "alaska": "AK", "arizona": "AZ", "arkansas": "AR", "california": "CA", "colorado": "CO",
  "connecticut": "CT", "delaware": "DE", "district of columbia": "DC", "florida": "FL", "georgia": "GA", "hawaii": "HI",
  "idaho": "ID", "illinois": "IL", "indiana": "IN", "iowa": "IA", "kansas": "KS", "kentucky": "KY", "louisiana": "LA",
  "maine": "ME", "maryland": "MD", "massachusetts": "MA", "michigan": "MI", "minnesota": "MN", "mississippi": "MS",
  "missouri": "MO", "montana": "MT", "nebraska": "NE", "nevada": "NV", "new hampshire": "NH", "new jersey": "NJ",
  "new mexico": "NM", "new york": "NY", "north carolina": "NC", "north dakota": "ND", "ohio": "OH", "oklahoma": "OK",
  "oregon": "OR", "pennsylvania": "PA", "rhode island": "RI", "south carolina": "SC", "south dakota": "SD",
  "tennessee": "TN", "texas": "TX", "utah": "UT", "vermont": "VT", "virginia": "VA", "washington": "WA",
  "west virginia": "WV", "wisconsin": "WI", "wyoming": "WY", "american samoa": "AS", "guam": "GU",
  "northern mariana islands": "MP", "puerto rico": "PR", "virgin islands": "VI", "u.s. virgin islands": "VI"
};
