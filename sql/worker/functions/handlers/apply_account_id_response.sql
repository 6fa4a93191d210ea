create or replace function worker.apply_account_id_response(p_messages jsonb[])
  returns void
  language plpgsql
  -- One index probe a message, however many messages and rows there are, or were when the plan was made.
  set enable_hashjoin = off
  set enable_mergejoin = off
  set enable_seqscan = off
  set jit = off
as $$
declare
  v_wait interval := (select c.healthy_max_commit_delay from worker.configuration as c);
  v_known worker.transfer_attempt_key[];
begin
  with answered as (
    update worker.transfer_attempt as a
    set
      recipient = case when x.account_id = '' then a.recipient else x.account_id end,
      recipient_version = case
        when x.account_id = '' then a.recipient_version
        else greatest(a.recipient_version, x.account_id_version)
      end,
      failure_code = case when x.account_id <> '' and a.failure_code = 3 then 0 else a.failure_code end,
      rescheduled_for = case
        when x.account_id = ''
          then worker.now() + make_interval(secs => worker.transfer_backoff_seconds(v_wait, a.backoff_counter))
        when a.attempted_at is not null then a.rescheduled_for
      end,
      backoff_counter = case
        when x.account_id = '' then worker.next_backoff_counter(a.backoff_counter)
        else a.backoff_counter
      end
    from unnest(p_messages) as m (message)
    cross join lateral jsonb_to_record(m.message) as x (
      collector_id bigint, turn_id integer, debtor_id bigint, creditor_id bigint, is_dispatching boolean,
      account_id text, account_id_version bigint, transfer_kind integer
    )
    -- Nothing here moves surpluses; the other columns may be those of a sending.
    where x.transfer_kind is distinct from 2
      and a.collector_id = x.collector_id
      and a.turn_id = x.turn_id
      and a.debtor_id = x.debtor_id
      and a.creditor_id = x.creditor_id
      and a.is_dispatching = x.is_dispatching
      and case
        -- Unknown: only the time to ask again is noted. The version of an empty answer is never stored, because
        -- customers and collectors have incomparable versions.
        when x.account_id = '' then a.attempted_at is null and a.rescheduled_for is null
        when a.recipient = '' then a.recipient_version < x.account_id_version
        -- An ID that was unreachable once may be reachable again.
        when a.failure_code = 3 then a.recipient = x.account_id or a.recipient_version < x.account_id_version
        else false
      end
    returning a.*
  )
  select array_agg(
    row(a.collector_id, a.turn_id, a.debtor_id, a.creditor_id, a.is_dispatching)::worker.transfer_attempt_key
  )
  into v_known
  from answered as a
  where a.recipient <> '';
  if v_known is not null then
    perform worker.trigger_transfers(v_known);
  end if;
end
$$;

comment on function worker.apply_account_id_response is
  'Handles AccountIdResponse: notes the recipient of a transfer attempt and tries it, unless it waits for its next '
  'try. Called by the drain.';
