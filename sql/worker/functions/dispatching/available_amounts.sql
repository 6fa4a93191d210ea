create or replace function worker.available_amounts(
  p_amount_to_collect bigint,
  p_amount_to_send bigint,
  p_amount_to_receive bigint,
  p_amount_to_dispatch bigint,
  p_total_collected bigint,
  p_total_received bigint
)
  returns table (
    missing_collected bigint,
    available_to_send bigint,
    hoarded bigint,
    missing_received bigint,
    available_to_dispatch bigint
  )
  language sql
  immutable
  parallel safe
begin atomic
  select
    c.missing as missing_collected,
    s.available,
    p_amount_to_send - s.available,
    r.missing as missing_received,
    -- Two steps, so that no difference of two amounts can leave their range.
    greatest(greatest(p_amount_to_dispatch - (c.missing - (p_amount_to_send - s.available)), 0) - r.missing, 0)
  from (select p_amount_to_collect - coalesce(p_total_collected, 0) as missing) as c
  cross join lateral (select greatest(p_amount_to_send - c.missing, 0) as available) as s
  cross join lateral (select greatest(p_amount_to_receive - coalesce(p_total_received, 0), 0) as missing) as r;
end;

comment on function worker.available_amounts is
  'What a collector can pay when payments to it are missing: they are charged to other collectors first (the hoarded '
  'amount stays here), then to its buyers. Tokens. Called by worker.start_sendings and worker.start_dispatchings.';
