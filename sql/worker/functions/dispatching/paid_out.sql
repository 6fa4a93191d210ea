create or replace function worker.paid_out(p_payment worker.early_arrival)
  returns bigint
  language sql
  stable
as $$
  select coalesce(worker.clamp64(sum(o.amount)), 0)
  from worker.early_arrival as o
  where o.kind = 'paid'
    and o.collector_id = p_payment.collector_id
    and o.turn_id = p_payment.turn_id
    and o.debtor_id = p_payment.debtor_id
    and (
      o.other_id = p_payment.other_id
      or not exists (
        -- Who has paid, and was paid by the collector, got his own payment back.
        select
        from worker.early_arrival as p
        where p.kind in ('collecting', 'sending')
          and p.collector_id = o.collector_id
          and p.turn_id = o.turn_id
          and p.debtor_id = o.debtor_id
          and p.other_id = o.other_id
          and p.amount is not null
      )
    )
$$;

comment on function worker.paid_out is
  'How many tokens the collector that got a payment of a lost turn has paid for that turn, to others than payers, or '
  'to this payer; the accounting authority told of it. More than 0: the payment was passed on or paid back, or a part '
  'of it. Called by worker.lost_payments and worker.refund_lost_payments.';
