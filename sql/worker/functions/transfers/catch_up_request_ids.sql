create or replace function worker.catch_up_request_ids(p_lead interval)
  returns void
  language plpgsql
  security definer
as $$
declare
  v_clock bigint := (extract(epoch from worker.now()) * 1000000)::bigint;
  v_lead bigint := (extract(epoch from p_lead) * 1000000)::bigint;
begin
  if nextval('worker.coordinator_request_id_seq') >= v_clock + v_lead - 2000000 then
    return;
  end if;
  -- Whoever waited here looks again: the sequence must not go back. It takes no part in transactions, and neither does
  -- this lock.
  perform pg_advisory_lock(7307, 0);
  if nextval('worker.coordinator_request_id_seq') < v_clock + v_lead - 2000000 then
    perform setval('worker.coordinator_request_id_seq', v_clock + v_lead);
  end if;
  perform pg_advisory_unlock(7307, 0);
end
$$;

comment on function worker.catch_up_request_ids is
  'Lets no request ID be given twice, also by a database that was restored: IDs are microseconds since 1970. A '
  'sequence that lags the clock (plus p_lead, less a second) by more than a second jumps p_lead ahead of it. Before '
  'IDs are drawn p_lead is a second; after a step back of the database an hour, which is more than IDs ran ahead of '
  'the clock before. Called wherever IDs are drawn, and by notice_step_back.';
