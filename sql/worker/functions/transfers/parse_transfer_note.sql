create or replace function worker.parse_transfer_note(p_note text)
  returns table (kind text, turn_id integer, first_id bigint, second_id bigint)
  language sql
  immutable
  parallel safe
as $$
  select
    case n.part[2] when 'Buyer' then 'collecting' when 'From' then 'sending' else 'dispatching' end,
    -- No expression may fail on a refused note, since the planner may evaluate it before the conditions below.
    n.part[1]::bigint::bit(32)::integer,
    ('x' || lpad(n.part[3], 16, '0'))::bit(64)::bigint,
    ('x' || lpad(n.part[5], 16, '0'))::bit(64)::bigint
  from regexp_match(
    p_note,
    '^Trading session: ([0-9]{1,16})\r?\n(Buyer|From|Seller): ([0-9A-Fa-f]{1,16})\r?\n'
    || '(Buyer|To|Seller): ([0-9A-Fa-f]{1,16})(?:\r?\n)?$'
  ) as n (part)
  where (n.part[2], n.part[4]) in (('Buyer', 'Seller'), ('From', 'To'), ('Seller', 'Buyer'))
    and n.part[1]::bigint <= 4294967295
$$;

comment on function worker.parse_transfer_note is
  'Reads a transfer note (format -cXchge): one row, or none if it is not a valid note. Inverse of '
  'worker.transfer_note, but also accepts CRLF, a missing last line end, upper-case and zero-padded hexadecimal. '
  'Called by worker.apply_account_transfer.';
