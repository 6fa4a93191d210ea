create or replace function worker.shipping_starts_at(p_started_at timestamptz, p_phase_deadline timestamptz)
  returns timestamptz
  language sql
  stable
begin atomic
  select p_phase_deadline
    - coalesce(c.offers_pouring, least(c.turn_phase_cushion, (p_phase_deadline - p_started_at) * 0.1))
  from worker.configuration as c;
end;

comment on function worker.shipping_starts_at is
  'When this shard stops taking candidate offers of a turn in phase 2 and ships its prepared ones: '
  'OFFERS_POURING_DURATION or a cushion before the deadline. Called by worker.pending_steps, worker.next_step_at and '
  'worker.begin_step.';
