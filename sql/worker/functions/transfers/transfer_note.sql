create or replace function worker.transfer_note(p_kind text, p_turn_id integer, p_first bigint, p_second bigint)
  returns text
  language sql
  immutable
  parallel safe
as $$
  select 'Trading session: ' || (p_turn_id::bigint & 4294967295)::text || E'\n'
    || case p_kind when 'collecting' then 'Buyer: ' when 'sending' then 'From: ' when 'dispatching' then 'Seller: ' end
    || to_hex(p_first) || E'\n'
    || case p_kind when 'collecting' then 'Seller: ' when 'sending' then 'To: ' when 'dispatching' then 'Buyer: ' end
    || to_hex(p_second) || E'\n'
$$;

comment on function worker.transfer_note is
  'The note (format -cXchge) of a committed transfer. p_kind: collecting (p_first = collector, p_second = seller), '
  'sending (from, to) or dispatching (p_first = collector, p_second = buyer); null for any other kind. '
  'Called wherever a transfer is committed.';
