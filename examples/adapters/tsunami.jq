# Tsunami bulletins of the Pacific Tsunami Warning Center, as Atom: an example of a source of one's own.
# https://www.tsunami.gov/events/xml/PHEBAtom.xml

def about: {
  name: "tsunami",
  title: "Tsunami bulletins",
  every: 300,
  kind: "log",
  keep: "30d",
  settings: {
    center: {type: "string", enum: ["PHEB", "PAAQ"], default: "PHEB", help: "PHEB: Pacific, PAAQ: Alaska and west coast"}
  }
};

def requests: {template: "https://www.tsunami.gov/events/xml/{center}Atom.xml", format: "xml"};

def items: if .["#name"] == "feed" then .entry // [] | .[] else error("not an Atom feed") end;

# "Category: Information" in the summary's text says how grave it is.
def category: (capture("Category:\\s*(?<word>[A-Za-z]+)") // {word: "unknown"}).word | word;

def event:
  (.summary | texts | plain) as $summary
  | ($summary | category) as $category
  | ([text("geo:long"), text("geo:lat") | number]) as $at
  | {
      id: (text("id") | filled // error("no id")),
      category: "tsunami.bulletin.\($category)",
      subject: ["disaster", "tsunami", $category],
      time: text("updated"),
      severity: ({warning: 4, advisory: 3, watch: 2}[$category] // 0),
      geo: {point: (if $at | all(. != null) then $at else null end)},
      data: {title: text("title"), summary: $summary, raw: keep(.)}
    };
