include "map";

def number: if type == "string" and length > 0 then tonumber else null end;
# Three decimals, 33.0 with its zero.
def rounded: . * 1000 | round / 1000 | if . == floor then "\(.).0" else tostring end;
def confidence: ascii_downcase | {l: "low", low: "low", h: "high", high: "high"}[.] // "nominal";

def firms: raw(
  (.centraltag | fromjson | .satellite) as $satellite
  | .data
  | (.latitude | number) as $lat | (.longitude | number) as $lon
  | (.acq_time // "" | split(":") | join("") | if length < 4 then "0000"[length:] + . else . end) as $clock
  | (.confidence // "" | confidence) as $confidence
  | "fire.hotspot.\($satellite | ascii_downcase | rtrimstr("_nrt")).\($confidence)" as $category
  | {
      id: "\($satellite):\(.acq_date):\($clock):\($lat | rounded):\($lon | rounded)",
      category: $category, subject: "central.\($category)", time: "\(.acq_date)T\($clock[:2]):\($clock[2:4]):00Z",
      severity: {high: 3, nominal: 2, low: 1}[$confidence],
      centroid: [$lon, $lat], bbox: [$lon, $lat, $lon, $lat], regions: [],
      data: (. + {
        latitude: $lat, longitude: $lon, bright_ti4: (.bright_ti4 | number), bright_ti5: (.bright_ti5 | number),
        scan: (.scan | number), track: (.track | number), frp: (.frp | number),
        acq_date: (.acq_date // ""), acq_time: (.acq_time // ""), satellite: (.satellite // ""),
        instrument: (.instrument // ""), version: (.version // ""), daynight: (.daynight // ""),
        confidence: $confidence,
        confidence_raw: (.confidence // "" | ascii_downcase | {low: "l", nominal: "n", high: "h"}[.] // .)
      })
    }
  | envelope("firms"));
