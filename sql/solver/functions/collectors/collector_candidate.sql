create or replace function solver.collector_candidate(
  p_debtor_id bigint,
  p_position integer,
  p_min_collector_id bigint,
  p_max_collector_id bigint
)
  returns bigint
  language sql
  immutable
  parallel safe
begin atomic
  -- The digits are less than 2^56, so a larger range gives the same remainder, and its size may exceed a bigint.
  select p_min_collector_id
    + ('x' || left(md5(int8send(p_debtor_id) || int4send(p_position)), 14))::bit(56)::bigint
    % (least(p_max_collector_id - p_min_collector_id, 72057594037927935) + 1);
end;

comment on function solver.collector_candidate is
  'The collector ID at a position (0, 1, …) of a currency''s pseudo-random sequence. Everybody gets the same '
  'one, so processes that race choose the same IDs instead of creating extra accounts. Called by '
  'ensure_collectors.';
