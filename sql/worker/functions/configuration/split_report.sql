create or replace function worker.split_report(
  out installation_id uuid,
  out binding_key text,
  out parent_key text,
  out started_at timestamptz,
  out sealed_at timestamptz,
  out deletes_parent_records boolean,
  out is_standby boolean,
  out processes text[]
)
  returns setof record
  language sql
  stable
begin atomic
  select
    i.installation_id,
    i.binding_key,
    s.parent_key,
    s.started_at,
    s.sealed_at,
    c.delete_parent_shard_records,
    pg_is_in_recovery(),
    coalesce(
      (
        select array_agg(distinct a.application_name order by a.application_name)
        from pg_locks as l
        inner join pg_stat_activity as a on l.pid = a.pid
        where l.locktype = 'advisory'
          and l.database = (select d.oid from pg_database as d where d.datname = current_database())
          and l.classid = 7305
          -- The lock of worker.check_identity.
          and l.objid::bigint = (hashtext(i.binding_key)::bigint & 4294967295)
      ),
      '{}'
    )
  from worker.identity as i
  cross join worker.configuration as c
  left join worker.shard_split as s on true;
end;

comment on function worker.split_report is
  'What there is to know of this database when a shard is split: what it is bound to, the latest split that it knows '
  '(see worker.shard_split), whether it is a standby, and which processes of its shard are connected. No row when it '
  'is not bound. Called by split_shard, on standbys, too.';
