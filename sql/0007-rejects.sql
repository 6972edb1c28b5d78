-- A message is rejected once, however often it comes.

create index if not exists events_rejected_sequence_idx on events_rejected (sequence);

comment on table events_rejected is 'Messages that could not be archived, or not without their geometry, as they came; each once.';
