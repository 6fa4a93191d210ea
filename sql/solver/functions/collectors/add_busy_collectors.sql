create or replace function solver.add_busy_collectors(
  p_transfers_limit bigint,
  p_min_collector_id bigint,
  p_max_collector_id bigint
)
  returns bigint
  language plpgsql
as $$
declare
  v_debtor_id bigint;
  v_wanted bigint;
  v_missing bigint;
  v_created bigint := 0;
begin
  for v_debtor_id, v_wanted in
    select s.debtor_id, w.collectors
    from solver.transfer_statistic as s
    cross join lateral (
      -- Rounded up. A transfer between collectors is one for the payer and one for the receiver.
      select (s.takings + s.givings + 2 * s.collector_transfers - 1) / p_transfers_limit + 1 as collectors
    ) as w
    where s.turn_id = (select max(turn_id) from solver.transfer_statistic)
      and w.collectors > (
        select count(*) from solver.collector_account as c where c.debtor_id = s.debtor_id and c.status <> solver.disabled()
      )
    order by solver.hash32(s.debtor_id), s.debtor_id
  loop
    v_missing := solver.count_missing_collectors(v_debtor_id, v_wanted, p_min_collector_id, p_max_collector_id);
    if solver.is_blocked(v_debtor_id) then
      continue;
    elsif v_missing is null then
      raise warning 'too few free collector IDs for debtor %', v_debtor_id;
    else
      perform solver.create_collectors(v_debtor_id, v_missing, p_min_collector_id, p_max_collector_id);
      v_created := v_created + v_missing;
    end if;
  end loop;
  return v_created;
end
$$;

comment on function solver.add_busy_collectors is
  'Gives currencies more collector accounts in which the latest solved turn arranged more than p_transfers_limit '
  'transfers for each collector, and returns how many were created. Blocked currencies get none. Called by the '
  'solver''s turn loop when a turn starts.';
