# NIFC WFIGS: the current fire perimeters of the United States, as polygons.
# https://data-nifc.opendata.arcgis.com/datasets/nifc::wfigs-current-interagency-fire-perimeters

def about: {
  name: "wfigs_perimeters",
  title: "NIFC WFIGS fire perimeters",
  every: 300,
  timeout: 120,
  kind: "snapshot",
  keep: "14d",
  settings: {}
};

def requests: fire_request("WFIGS_Interagency_Perimeters_Current");
def items: features;

def uses:
  .properties
  | .attr_IrwinID, .poly_IRWINID, .attr_IncidentName, .poly_IncidentName, .attr_IncidentTypeCategory, .attr_IncidentSize,
    .poly_GISAcres, .attr_PercentContained, .attr_FireDiscoveryDateTime, .attr_ModifiedOnDateTime_dt, .attr_POOState,
    .attr_POOCounty;

def event:
  .properties as $p
  | (($p.attr_IrwinID | filled) // ($p.poly_IRWINID | filled) // error("neither attr_IrwinID nor poly_IRWINID")) as $id
  | ($p.attr_POOState | fire_state) as $state
  | ($p.attr_POOCounty | filled) as $county
  | {
      id: $id,
      category: "fire.perimeter.\($p.attr_IncidentTypeCategory | fire_type)",
      subject: fire_subject("perimeter"; $state; $county),
      time: $p.attr_FireDiscoveryDateTime,
      severity: ($p.attr_IncidentSize // $p.poly_GISAcres | number | fire_severity),
      geo: {geometry: keep(.geometry), regions: fire_regions($state; $county)},
      data: {
        IrwinID: $id, IncidentName: ($p.attr_IncidentName // $p.poly_IncidentName),
        IncidentTypeCategory: ($p.attr_IncidentTypeCategory | fire_type),
        IncidentTypeCategory_raw: $p.attr_IncidentTypeCategory,
        DailyAcres: $p.attr_IncidentSize, GISAcres: $p.poly_GISAcres, PercentContained: $p.attr_PercentContained,
        FireDiscoveryDateTime: $p.attr_FireDiscoveryDateTime, ModifiedOnDateTime: $p.attr_ModifiedOnDateTime_dt,
        POOState: $state, POOState_raw: $p.attr_POOState, POOCounty: $p.attr_POOCounty,
        geometry: keep(.geometry), raw: keep(.properties)
      }
    };

def removed: fire_removed("perimeter");
