create or replace function worker.has_doubts()
  returns boolean
  language sql
  stable
begin atomic
  select worker.doubtful_turns() is not null
    or exists (
      select
      from worker.account_at_step_back as b
      where b.concluded_at is null or b.settled_at < worker.now() - interval '180 days'
    );
end;

comment on function worker.has_doubts is
  'Is there anything for settle_doubts to do: a step back of this database is not settled, or accounts were not '
  'compared since? Called by settle_doubts and by the worker before it calls that for all lanes.';
