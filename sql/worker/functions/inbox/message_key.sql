create or replace function worker.message_key(p_message jsonb)
  returns text
  language sql
  stable
  parallel safe
begin atomic
  select case p_message ->> 'type'
    when 'UpdatedLedger' then concat_ws(',', 'ledger', p_message ->> 'creditor_id', p_message ->> 'debtor_id')
    when 'UpdatedPolicy' then concat_ws(',', 'policy', p_message ->> 'creditor_id', p_message ->> 'debtor_id')
    when 'UpdatedFlags' then concat_ws(',', 'flags', p_message ->> 'creditor_id', p_message ->> 'debtor_id')
    when 'RejectedTransfer' then concat_ws(
      ',', 'transfer', p_message ->> 'coordinator_id', p_message ->> 'coordinator_request_id'
    )
    when 'PreparedTransfer' then concat_ws(
      ',', 'transfer', p_message ->> 'coordinator_id', p_message ->> 'coordinator_request_id'
    )
    when 'FinalizedTransfer' then concat_ws(
      ',', 'transfer', p_message ->> 'coordinator_id', p_message ->> 'coordinator_request_id'
    )
    when 'AccountTransfer' then concat_ws(
      ',',
      'payment',
      p_message ->> 'creditor_id',
      p_message ->> 'debtor_id',
      left(p_message ->> 'acquired_amount', 1) = '-',
      p_message ->> 'transfer_note'
    )
    when 'CandidateOffer' then concat_ws(',', 'lock', p_message ->> 'creditor_id', p_message ->> 'debtor_id')
    when 'ReviseAccountLock' then concat_ws(',', 'lock', p_message ->> 'creditor_id', p_message ->> 'debtor_id')
    when 'AccountUpdate' then concat_ws(',', 'account', p_message ->> 'creditor_id', p_message ->> 'debtor_id')
    when 'AccountPurge' then concat_ws(',', 'account', p_message ->> 'creditor_id', p_message ->> 'debtor_id')
    when 'RejectedConfig' then concat_ws(',', 'account', p_message ->> 'creditor_id', p_message ->> 'debtor_id')
    when 'ActivateCollector' then concat_ws(',', 'active', p_message ->> 'creditor_id', p_message ->> 'debtor_id')
    when 'FetchDebtorInfo' then concat_ws(',', 'fetch', p_message ->> 'debtor_id', p_message ->> 'iri')
    when 'StoreDocument' then concat_ws(',', 'document', p_message ->> 'debtor_info_locator')
    when 'DiscoverDebtor' then concat_ws(',', 'claim', p_message ->> 'debtor_id')
    when 'ConfirmDebtor' then concat_ws(',', 'claim', p_message ->> 'debtor_id')
    when 'NeededCollector' then concat_ws(',', 'needed', p_message ->> 'debtor_id')
    else case
      -- Notices are about the payment that will never come: none may overtake it, should it have come after all.
      when p_message ->> 'unpaid' is not null then concat_ws(
        ',',
        'payment',
        p_message ->> 'collector_id',
        p_message ->> 'debtor_id',
        false,
        worker.transfer_note(
          p_message ->> 'unpaid',
          (p_message ->> 'turn_id')::integer,
          (p_message ->> case p_message ->> 'unpaid' when 'sending' then 'creditor_id' else 'collector_id' end)::bigint,
          (p_message ->> case p_message ->> 'unpaid' when 'sending' then 'collector_id' else 'creditor_id' end)::bigint
        )
      )
      else concat_ws(
        ',',
        'collector',
        p_message ->> 'collector_id',
        p_message ->> 'turn_id',
        p_message ->> 'debtor_id',
        p_message ->> 'creditor_id',
        p_message ->> 'is_dispatching'
      )
    end
  end;
end;

comment on function worker.message_key is
  'What a message is about, whatever its type. Messages of one key are applied one after the other, all others of a '
  'type at once. Called by the drain.';
