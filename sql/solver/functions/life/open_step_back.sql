create or replace function solver.open_step_back()
  returns bigint
  language sql
  stable
as $$
  select s.step_back_id from solver.step_back as s where s.resolved_at is null
$$;

comment on function solver.open_step_back is
  'The step back that is not resolved, or null. Called by solver.notice_step_back, solver.waited_for and '
  'solver.life_signs.';
