// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {AgreementCore} from "./AgreementCore.sol";

/// @title Customer and manufacturer: its advance may fund the supplies of the same batch.
contract DeliveryAgreement is AgreementCore {
    constructor(address factory_, address feeReceiver_) AgreementCore(factory_, feeReceiver_) {}
}
