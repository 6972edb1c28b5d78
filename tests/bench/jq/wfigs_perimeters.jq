include "map";

def wfigs_perimeters: raw(.data
  | .properties as $p | .geometry as $g
  | (($p.attr_IrwinID | filled) // ($p.poly_IRWINID | filled)) as $id
  | ($p.attr_POOState | fire_state) as $state
  | ($p.attr_POOCounty | filled) as $county
  | ($p.attr_IncidentTypeCategory | fire_type) as $type
  | {
      id: $id, category: "fire.perimeter.\($type)", subject: fire_subject("perimeter"; $state; $county),
      time: $p.attr_FireDiscoveryDateTime, severity: ($p.attr_IncidentSize // $p.poly_GISAcres | fire_severity),
      centroid: (if $g then $g | area_centroid else null end), bbox: (if $g then $g | vertices | box else null end),
      geometry: $g, regions: fire_regions($state; $county),
      data: {
        IrwinID: $id, IncidentName: ($p.attr_IncidentName // $p.poly_IncidentName), IncidentTypeCategory: $type,
        IncidentTypeCategory_raw: $p.attr_IncidentTypeCategory, DailyAcres: $p.attr_IncidentSize, GISAcres: $p.poly_GISAcres,
        PercentContained: $p.attr_PercentContained, FireDiscoveryDateTime: $p.attr_FireDiscoveryDateTime,
        ModifiedOnDateTime: $p.attr_ModifiedOnDateTime_dt, POOState: $state, POOState_raw: $p.attr_POOState,
        POOCounty: $p.attr_POOCounty, geometry: $g, raw: $p
      }
    }
  | envelope("wfigs_perimeters"));
