create or replace function worker.remove_collectors(
  p_debtor_ids bigint[],
  p_collector_ids bigint[],
  p_heir_ids bigint[]
)
  returns table (debtor_id bigint, collector_id bigint, state text)
  language plpgsql
as $$
#variable_conflict use_column
declare
  v_settings worker.configuration := (select c from worker.configuration as c);
  v_lanes integer[] := worker.try_lock_lanes();
  v_patience interval := 12 * v_settings.healthy_max_commit_delay;
  v_removals worker.collector_removal[];
begin
  -- A transfer that failed, or can not even be tried, begins anew: with the money there is now, to today's heir.
  delete from worker.transfer_attempt as a
  using unnest(p_debtor_ids, p_collector_ids) as r(debtor_id, collector_id)
  where a.collector_id = r.collector_id
    and a.debtor_id = r.debtor_id
    and a.turn_id = 0
    and (a.key_hash & (v_settings.lane_count - 1)) = any(v_lanes)
    and (a.attempted_at is null or a.failure_code is not null)
    and a.inserted_at < worker.now() - v_patience;

  select array_agg(
    row(r.debtor_id, r.collector_id, r.heir_id, m.amount, d.state)::worker.collector_removal
    order by r.collector_id, r.debtor_id
  )
  into v_removals
  from unnest(p_debtor_ids, p_collector_ids, p_heir_ids) as r(debtor_id, collector_id, heir_id)
  inner join worker.needed_worker_account as n
    on r.collector_id = n.creditor_id and r.debtor_id = n.debtor_id
  left join worker.worker_account as a
    on r.collector_id = a.creditor_id and r.debtor_id = a.debtor_id
  left join lateral (
    select worker.movable_amount(a, v_settings) as amount
    where a.creditor_id is not null
  ) as m on true
  cross join lateral (
    select case
      when worker.has_open_payments(r.collector_id, r.debtor_id) then 'busy'
      when exists (
        select from worker.transfer_attempt as t
        where t.collector_id = r.collector_id and t.turn_id = 0 and t.debtor_id = r.debtor_id
      ) then 'moving'
      when a.creditor_id is null and n.is_purged then 'gone'
      when a.creditor_id is null and n.configured_at <= n.purged_at then 'silent'
      when a.creditor_id is null and n.configured_at < worker.now() - v_settings.extreme_message_delay then 'gone'
      when a.creditor_id is null then 'asked'
      -- As much as an authority keeps when it deletes an account.
      when m.amount = 0 or (n.released_at is not null and m.amount <= 2) then case
        when n.released_at is not null and (a.is_discarded or n.configured_at > worker.now() - interval '1 hour')
          then 'discarding'
        else 'empty'
      end
      when r.heir_id is null then 'stranded'
      -- What the last transfer has left is not known yet.
      when n.emptied_at >= a.last_change_ts and n.emptied_at > worker.now() - v_patience then 'moving'
      else 'full'
    end as state
  ) as d
  where (worker.hash32(r.collector_id) & (v_settings.lane_count - 1)) = any(v_lanes);

  perform worker.move_rest_money(v_removals);
  -- What is given up stays known until the solver has forgotten it.
  update worker.needed_worker_account as n set released_at = coalesce(n.released_at, worker.now())
  from unnest(v_removals) as r
  where r.state in ('empty', 'gone') and n.creditor_id = r.collector_id and n.debtor_id = r.debtor_id;
  -- Of silent accounts nothing is known: there may be money on them.
  perform worker.order_accounts(array_agg(r.collector_id), array_agg(r.debtor_id), r.state = 'silent')
  from unnest(v_removals) as r
  where r.state in ('empty', 'silent')
  group by r.state = 'silent';
  return query
  select
    r.debtor_id,
    r.collector_id,
    case r.state when 'full' then 'moving' when 'empty' then 'discarding' when 'silent' then 'asked' else r.state end
  from unnest(v_removals) as r;
end
$$;

comment on function worker.remove_collectors is
  'Takes one step of the removal of collectors that were disabled so long ago that no new turn pays to them. What is '
  'left on their accounts goes to their heirs (null: there is none, wait); then the accounts are given up. Returns '
  'how far each is: busy, stranded, moving, discarding, asked (nothing is known of the account) or gone: the '
  'authority has purged it, or did not answer for the extreme message delay. A missing row proves nothing: collectors '
  'that this shard does not know yet, and those in lanes that somebody else works on, are left out. Safe to repeat. '
  'Called by the poll of collectors.';
