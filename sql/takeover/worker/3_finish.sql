-- Verdicts that were still to be given: sellers commit, buyers wait, all others are dismissed.
select worker.revise_account_locks(t.turn_id, l.lane)
from (
  select k.turn_id from worker.account_lock as k where k.finalized_at is null and not k.has_been_revised
  union
  select p.turn_id from worker.creditor_participation as p
) as t
cross join worker.configuration as c
cross join generate_series(0, c.lane_count - 1) as l (lane)
order by t.turn_id, l.lane;

-- Request IDs go with the clock, so that no answer to an old request meets a new one, if the old ones never did.
select worker.catch_up_request_ids('1 second');
select
  case
    when current_setting('swpt.old_request_id')::bigint >= nextval('worker.coordinator_request_id_seq')
      then setval('worker.coordinator_request_id_seq', current_setting('swpt.old_request_id')::bigint)
  end;

-- From here on it is noticed when this database steps back in time.
select worker.notice_step_back();
