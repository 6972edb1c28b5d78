# NIFC WFIGS: the current fire perimeters of the United States, as polygons.
# https://data-nifc.opendata.arcgis.com/datasets/nifc::wfigs-current-interagency-fire-perimeters

def about: {
  name: "wfigs_perimeters",
  title: "NIFC WFIGS fire perimeters",
  every: 300,
  timeout: 120,
  kind: "snapshot",
  records: "features",
  keep: "14d",
  settings: {}
};

def requests: fire_request("WFIGS_Interagency_Perimeters_Current");

def uses:
  .properties | .attr_IncidentName, .poly_IncidentName, .attr_IncidentTypeCategory, .attr_IncidentSize, .poly_GISAcres;
def uses_filled: .properties | .attr_IrwinID, .poly_IRWINID, .attr_POOState, .attr_POOCounty;
def form: {
  time: keep(.properties.attr_FireDiscoveryDateTime),
  geo: {geometry: keep(.geometry)},
  data: {
    IrwinID: null, IncidentName: null,
    IncidentTypeCategory: null, IncidentTypeCategory_raw: keep(.properties.attr_IncidentTypeCategory),
    DailyAcres: keep(.properties.attr_IncidentSize), GISAcres: keep(.properties.poly_GISAcres),
    PercentContained: keep(.properties.attr_PercentContained),
    FireDiscoveryDateTime: keep(.properties.attr_FireDiscoveryDateTime),
    ModifiedOnDateTime: keep(.properties.attr_ModifiedOnDateTime_dt),
    POOState: null, POOState_raw: keep(.properties.attr_POOState), POOCounty: keep(.properties.attr_POOCounty),
    geometry: keep(.geometry), raw: keep(.properties)
  }
};

def event:
  .properties as $p
  | ($p.attr_IrwinID // $p.poly_IRWINID // error("neither attr_IrwinID nor poly_IRWINID")) as $id
  | ($p.attr_POOState | fire_state) as $state
  | $p.attr_POOCounty as $county
  | ($p.attr_IncidentTypeCategory | fire_type) as $type
  | {
      id: $id,
      category: ("fire.perimeter." + $type),
      subject: fire_subject("perimeter"; $state; $county),
      severity: ($p.attr_IncidentSize // $p.poly_GISAcres | number | fire_severity),
      geo: {regions: fire_regions($state; $county)},
      data: {IrwinID: $id, IncidentName: ($p.attr_IncidentName // $p.poly_IncidentName), IncidentTypeCategory: $type, POOState: $state}
    };

def removed: fire_removed("perimeter");
