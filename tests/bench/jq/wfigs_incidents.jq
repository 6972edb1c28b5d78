include "map";

def wfigs_incidents: raw(.data
  | .properties as $p
  | ($p.IrwinID | filled) as $id
  | ($p.POOState | fire_state) as $state
  | ($p.POOCounty | filled) as $county
  | ($p.DailyAcres // $p.IncidentSize) as $acres
  | (if .geometry then .geometry.coordinates[:2] else null end) as $at
  | ($p.IncidentTypeCategory | fire_type) as $type
  | {
      id: $id, category: "fire.incident.\($type)", subject: fire_subject("incident"; $state; $county),
      time: $p.FireDiscoveryDateTime, severity: ($acres | fire_severity),
      centroid: $at, bbox: (if $at then $at + $at else null end), regions: fire_regions($state; $county),
      data: {
        IrwinID: $id, IncidentName: $p.IncidentName, IncidentTypeCategory: $type,
        IncidentTypeCategory_raw: $p.IncidentTypeCategory, DailyAcres: $acres, PercentContained: $p.PercentContained,
        FireDiscoveryDateTime: $p.FireDiscoveryDateTime, ModifiedOnDateTime: ($p.ModifiedOnDateTime // $p.ModifiedOnDateTime_dt),
        POOState: $state, POOState_raw: $p.POOState, POOCounty: $p.POOCounty, latitude: $at[1], longitude: $at[0], raw: $p
      }
    }
  | envelope("wfigs_incidents"));
