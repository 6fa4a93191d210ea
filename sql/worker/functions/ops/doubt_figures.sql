create or replace function worker.doubt_figures(
  out step_backs bigint,
  out doubtful bigint,
  out lost bigint,
  out unexplained bigint
)
  language sql
  security definer
  stable
begin atomic
  select
    (select count(*) from worker.step_back as s where s.ended_at is null),
    (select count(*) from worker.transfer_attempt as a where a.held_at is not null)
    + (select count(*) from worker.list_expected_payments()),
    (select count(*) from worker.lost_payments() as p where p.refunded_at is null),
    (select count(*) from worker.unexplained_balances() as u where u.settled_at is null);
end;

comment on function worker.doubt_figures is
  'Step backs of this database that are not settled yet, payments that are in doubt since (made, or received), '
  'those for turns whose results are lost, not refunded, and accounts with tokens that nothing explains. Called by the '
  'metrics server.';
