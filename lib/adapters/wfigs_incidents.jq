# NIFC WFIGS: the current fire incidents of the United States, as points.
# https://data-nifc.opendata.arcgis.com/datasets/nifc::wfigs-current-wildland-fire-incident-locations

def about: {
  name: "wfigs_incidents",
  title: "NIFC WFIGS fire incidents",
  every: 300,
  timeout: 120,
  kind: "snapshot",
  keep: "14d",
  settings: {}
};

def requests: fire_request("WFIGS_Incident_Locations_Current");
def items: features;

def uses:
  .geometry.coordinates,
  (.properties
   | .IrwinID, .IncidentName, .IncidentTypeCategory, .DailyAcres, .IncidentSize, .PercentContained, .FireDiscoveryDateTime,
     .ModifiedOnDateTime, .ModifiedOnDateTime_dt, .POOState, .POOCounty);

def event:
  .properties as $p
  | ($p.IrwinID | filled // error("no IrwinID")) as $id
  | ($p.POOState | fire_state) as $state
  | ($p.POOCounty | filled) as $county
  | ($p.DailyAcres // $p.IncidentSize) as $acres
  | (.geometry // {} | [first_position][0]) as $at
  | {
      id: $id,
      category: "fire.incident.\($p.IncidentTypeCategory | fire_type)",
      subject: fire_subject("incident"; $state; $county),
      time: $p.FireDiscoveryDateTime,
      severity: ($acres | number | fire_severity),
      geo: {point: $at, regions: fire_regions($state; $county)},
      data: {
        IrwinID: $id, IncidentName: $p.IncidentName,
        IncidentTypeCategory: ($p.IncidentTypeCategory | fire_type), IncidentTypeCategory_raw: $p.IncidentTypeCategory,
        DailyAcres: $acres, PercentContained: $p.PercentContained,
        FireDiscoveryDateTime: $p.FireDiscoveryDateTime, ModifiedOnDateTime: ($p.ModifiedOnDateTime // $p.ModifiedOnDateTime_dt),
        POOState: $state, POOState_raw: $p.POOState, POOCounty: $p.POOCounty,
        latitude: $at[1], longitude: $at[0],
        raw: keep(.properties)
      }
    };

def removed: fire_removed("incident");
