create or replace function solver.complete_collector()
  returns trigger
  language plpgsql
as $$
begin
  new.collector_hash := solver.hash16(new.collector_id);
  new.latest_status_change_at := coalesce(new.latest_status_change_at, solver.now());
  return new;
end
$$;

comment on function solver.complete_collector is
  'Sets the hash of a collector, whatever a writer says about it, and the moment if nothing is said. Workers of '
  'release 0.1.10, which may stand beside ours, write the one and leave the other out: so the hash is no generated '
  'column.';

create or replace trigger complete
  before insert or update of collector_id, collector_hash, latest_status_change_at on solver.collector_account
  for each row execute function solver.complete_collector();
