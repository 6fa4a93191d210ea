create or replace function worker.doubtful_turns()
  returns integer
  language sql
  stable
begin atomic
  select max(coalesce(s.last_turn_id, 2147483647)) from worker.step_back as s where s.ended_at is null;
end;

comment on function worker.doubtful_turns is
  'Up to this turn, this database may have made payments, and locks, that it does not know of: it stepped back, and '
  'that is not settled yet. Null: none. Called where payments and locks are created.';
