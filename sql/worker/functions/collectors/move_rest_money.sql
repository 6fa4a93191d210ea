create or replace function worker.move_rest_money(p_removals worker.collector_removal[])
  returns void
  language plpgsql
as $$
declare
  v_doubtful integer := worker.doubtful_turns();
  v_attempts worker.transfer_attempt_key[];
begin
  with attempted as (
    insert into worker.transfer_attempt (
      collector_id, turn_id, debtor_id, creditor_id, is_dispatching, nominal_amount, collection_started_at, inserted_at,
      held_at, held_until
    )
    select
      r.collector_id,
      0,
      r.debtor_id,
      r.heir_id,
      false,
      -- Not above the amount: doubles hold all integers up to 2^53, and above it all multiples of 1024.
      case when r.amount < 9007199254740992 then r.amount else r.amount & ~1023::bigint end,
      worker.now(),
      worker.now(),
      case when v_doubtful is not null then worker.now() end,
      case when v_doubtful is not null then worker.doubt_ends_at(0) end
    from unnest(p_removals) as r
    where r.state = 'full'
    order by r.collector_id, r.debtor_id
    returning collector_id, turn_id, debtor_id, creditor_id, is_dispatching
  ),
  begun as (
    update worker.needed_worker_account as n set emptied_at = worker.now()
    from attempted as a
    where n.creditor_id = a.collector_id and n.debtor_id = a.debtor_id
  )
  select array_agg(
    row(a.collector_id, a.turn_id, a.debtor_id, a.creditor_id, a.is_dispatching)::worker.transfer_attempt_key
  )
  into v_attempts
  from attempted as a;
  perform worker.send_account_id_requests(v_attempts);
end
$$;

comment on function worker.move_rest_money is
  'Begins to pay what is left on the accounts of removed collectors (state full) to their heirs, as sendings of turn '
  '0, which no receiver waits for. Null: does nothing. Called by remove_collectors.';
