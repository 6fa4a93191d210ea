create or replace function worker.sender_hash(p_message jsonb)
  returns integer
  language sql
  immutable
  parallel safe
begin atomic
  select case
    when p_message ->> 'type' in ('ConfigureAccount', 'PrepareTransfer', 'FinalizeTransfer')
      then worker.sharding_hash(p_message)
  end;
end;

comment on function worker.sender_hash is
  'Hash of the key whose shard alone may send this message; null for internal ones, which may leave from any shard. '
  'Called by foreign_rows and find_foreign_row.';
