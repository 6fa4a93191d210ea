create or replace function worker.identity_report(
  out installation_id uuid,
  out binding_key text,
  out system_identifier bigint,
  out timeline_id integer,
  out database_id bigint,
  out min_collector_id bigint,
  out max_collector_id bigint
)
  returns setof record
  language sql
  volatile
begin atomic
  select
    i.installation_id,
    i.binding_key,
    s.system_identifier,
    worker.timeline_id(),
    (select d.oid::bigint from pg_database as d where d.datname = current_database()),
    c.min_collector_id,
    c.max_collector_id
  from worker.identity as i
    cross join worker.configuration as c
    cross join pg_control_system() as s;
end;

comment on function worker.identity_report is
  'What this database says about itself to the solver''s registry of shards: system identifier, timeline and OID tell '
  'copies apart. No row when it is not bound. Called by the worker''s turn loop.';
