create or replace function worker.take_finalize_transfers(p_limit integer, p_floor bigint)
  returns setof outbox.finalize_transfer
  language sql
begin atomic
  with batch as (
    delete from outbox.finalize_transfer
    where outbox_id in (
      select q.outbox_id
      from outbox.finalize_transfer as q
      where q.outbox_id > p_floor
      order by q.outbox_id
      limit p_limit
      for update skip locked
    )
    returning *
  )
  select * from batch order by outbox_id;
end;

comment on function worker.take_finalize_transfers is
  'Takes FinalizeTransfer messages out of their table; they come back when the transaction is rolled back. Called'
  ' by the outbound bridge.';
