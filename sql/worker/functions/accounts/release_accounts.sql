create or replace function worker.release_accounts(p_removals worker.collector_removal[])
  returns void
  language plpgsql
as $$
declare
  v_messages jsonb[];
begin
  with released as (
    delete from worker.needed_worker_account as n
    using unnest(p_removals) as r
    where r.state in ('empty', 'gone') and n.creditor_id = r.collector_id and n.debtor_id = r.debtor_id
    returning n.creditor_id, n.debtor_id, r.state
  ),
  forgotten as (
    delete from worker.interest_rate_change as i
    using released as e
    where i.creditor_id = e.creditor_id and i.debtor_id = e.debtor_id
  )
  select array_agg(
    worker.configure_account_message(e.creditor_id, e.debtor_id, true) order by e.creditor_id, e.debtor_id
  )
  into v_messages
  from released as e
  where e.state = 'empty';
  perform worker.send_configure_accounts(v_messages);
end
$$;

comment on function worker.release_accounts is
  'Stops needing the accounts of removed collectors without money (state empty, or gone), forgets their interest '
  'rates, and has authorities delete the accounts. Every later AccountUpdate has them deleted again. Null: does '
  'nothing. Called by remove_collectors.';
