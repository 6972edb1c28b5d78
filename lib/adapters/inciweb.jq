# NIFC InciWeb: narratives of fires, as RSS.
# https://inciweb.wildfire.gov/

def about: {
  name: "inciweb",
  title: "NIFC InciWeb fire narratives",
  every: 600,
  timeout: 60,
  kind: "window",
  keep: "14d",
  settings: {}
};

def requests: {url: "https://inciweb.wildfire.gov/incidents/rss.xml", format: "xml"};
def items: if .["#name"] == "rss" then .channel[0].item // [] | .[] else error("not RSS") end;

# "State: New Mexico" up to the end of the line or ---.
def state:
  (capture("State:\\s*(?<name>[^\\n\\r<]*)") // {name: ""}).name
  | split("---")[0] // "" | ascii_downcase | ltrimstr(" ") | rtrimstr(" ") | rtrimstr(" ") | state_by_name[.];

# Degrees, minutes, seconds behind a word; signs, quotes and degree signs may stand between them.
def degrees($word):
  (capture("\($word):\\s*(?<sign>-?)\\s*(?<d>[0-9]+(\\.[0-9]+)?)[^0-9A-Za-z]+(?<m>[0-9]+(\\.[0-9]+)?)[^0-9A-Za-z]+(?<s>[0-9]+(\\.[0-9]+)?)") // null)
  | if . then (.d | tonumber) + (.m | tonumber) / 60 + (.s | tonumber) / 3600 else null end;

def position($state):
  ([degrees("Latitude"), degrees("Longitude")]) as [$lat, $lon]
  | if $lat and $lon then [(if $state == "GU" or $state == "MP" then $lon else -$lon end), $lat] else null end;

def event:
  text("description") as $html
  | ($html | gsub("&deg;|&#176;"; "°")) as $searched
  | ([$searched | state][0]) as $state
  | ([$searched | position($state)][0] // ([text("geo:long"), text("geo:lat") | number] | if all then . else null end)) as $at
  | (text("guid") | filled // error("no guid")) as $guid
  | {
      id: $guid,
      category: "fire.narrative.inciweb",
      subject: ["fire", "narrative", "inciweb", $state],
      time: (text("pubDate") | filled),
      severity: 0,
      geo: {point: $at, regions: (if $state then ["US-\($state)"] else [] end)},
      data: {
        title: text("title"), description: ($html | plain), description_html: $html, url: text("link"), guid: $guid,
        raw: {guid: $guid, link: text("link"), title: text("title"), creator: text("dc:creator"),
              pubDate: text("pubDate"), description: $html}
      }
    };
