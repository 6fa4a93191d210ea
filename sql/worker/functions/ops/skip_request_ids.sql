-- Microseconds since 1970 are ahead of every database that has given out less than a million IDs a second since then;
-- the addition is for those that are not.
create or replace function worker.skip_request_ids()
  returns bigint
  language sql
as $$
  select setval(
    'worker.coordinator_request_id_seq',
    greatest(
      nextval('worker.coordinator_request_id_seq') + 1000000000000,
      (extract(epoch from worker.now()) * 1000000)::bigint
    )
  )
$$;

comment on function worker.skip_request_ids is
  'Goes on far beyond all request IDs that this shard may ever have used, and returns the last one skipped. Without '
  'that a database that was restored from a backup, or is new, would use IDs again whose answers are still to come, '
  'and might commit a transfer to somebody else. Called by operators before they start any process on such a database.';
