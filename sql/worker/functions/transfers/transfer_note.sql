create or replace function worker.transfer_note(p_kind text, p_turn_id integer, p_first bigint, p_second bigint)
  returns text
  language sql
  immutable
  parallel safe
begin atomic
  select 'Trading session: ' || (p_turn_id::bigint & 4294967295)::text || E'\n'
    || case p_kind
      when 'collecting' then 'Buyer: ' when 'sending' then 'From: ' when 'dispatching' then 'Seller: '
      when 'moving' then 'Surplus: '
    end
    || to_hex(p_first) || E'\n'
    || case p_kind
      when 'collecting' then 'Seller: ' when 'dispatching' then 'Buyer: '
      when 'sending' then 'To: ' when 'moving' then 'To: '
    end
    || to_hex(p_second) || E'\n';
end;

comment on function worker.transfer_note is
  'The note (format -cXchge) of a committed transfer. p_kind: collecting (p_first = collector, p_second = seller), '
  'sending (from, to), dispatching (p_first = collector, p_second = buyer) or moving (from, to: the surplus of a '
  'collector, in other releases); null for any other kind. '
  'Called wherever a transfer is committed.';
