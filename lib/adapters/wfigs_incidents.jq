# NIFC WFIGS: the current fire incidents of the United States, as points.
# https://data-nifc.opendata.arcgis.com/datasets/nifc::wfigs-current-wildland-fire-incident-locations

def about: {
  name: "wfigs_incidents",
  title: "NIFC WFIGS fire incidents",
  every: 300,
  timeout: 120,
  kind: "snapshot",
  records: "features",
  keep: "14d",
  settings: {}
};

def requests: fire_request("WFIGS_Incident_Locations_Current");

def uses:
  .geometry.coordinates,
  (.properties | .IncidentTypeCategory, .DailyAcres, .IncidentSize, .ModifiedOnDateTime, .ModifiedOnDateTime_dt);
def uses_filled: .properties | .IrwinID, .POOState, .POOCounty;
def form: {
  id: keep(.properties.IrwinID),
  time: keep(.properties.FireDiscoveryDateTime),
  geo: {point: keep(.geometry.coordinates)},
  data: {
    IrwinID: keep(.properties.IrwinID), IncidentName: keep(.properties.IncidentName),
    IncidentTypeCategory: null, IncidentTypeCategory_raw: keep(.properties.IncidentTypeCategory),
    DailyAcres: null, PercentContained: keep(.properties.PercentContained),
    FireDiscoveryDateTime: keep(.properties.FireDiscoveryDateTime), ModifiedOnDateTime: null,
    POOState: null, POOState_raw: keep(.properties.POOState), POOCounty: keep(.properties.POOCounty),
    latitude: keep(.geometry.coordinates[1]), longitude: keep(.geometry.coordinates[0]),
    raw: keep(.properties)
  }
};

# A geometry that is no point: its first position.
def elsewhere:
  (.geometry // {} | [first_position][0]) as $at | {geo: {point: $at}, data: {latitude: $at[1], longitude: $at[0]}};

def event:
  . as $record | .properties as $p
  | (if $p.IrwinID == null then error("no IrwinID") else $p.IncidentTypeCategory | fire_type end) as $type
  | ($p.POOState | fire_state) as $state
  | $p.POOCounty as $county
  | ($p.DailyAcres // $p.IncidentSize) as $acres
  | {
      category: ("fire.incident." + $type),
      subject: fire_subject("incident"; $state; $county),
      severity: ($acres | number | fire_severity),
      geo: {regions: fire_regions($state; $county)},
      data: {IncidentTypeCategory: $type, DailyAcres: $acres, ModifiedOnDateTime: ($p.ModifiedOnDateTime // $p.ModifiedOnDateTime_dt),
             POOState: $state}
    }
  | if $record.geometry.coordinates[1] | type == "number" then . else . * ($record | elsewhere) end;

def removed: fire_removed("incident");
