create or replace function worker.is_ready_for_journal()
  returns boolean
  language sql
  stable
begin atomic
  select exists (select from worker.step_back as s where s.ended_at is null)
    and not exists (
      select
      from worker.step_back as s
      where s.ended_at is null
        and (
          s.last_turn_id is null
          or exists (
            select
            from worker.worker_turn as w
            where w.turn_id <= s.last_turn_id and (w.phase < 3 or w.worker_turn_subphase = 0)
          )
        )
    );
end;

comment on function worker.is_ready_for_journal is
  'Whether messages of the time that this database lost may be handled once more: the results of all turns in doubt '
  'are here, so that transfers find what they belong to. False also when nothing is in doubt. Called by operators '
  'before they replay a journal of the queue.';
