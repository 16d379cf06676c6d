// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {AgreementCore} from "./AgreementCore.sol";

/// @title Manufacturer and supplier, under a delivery agreement.
contract SupplyAgreement is AgreementCore {
    constructor(address factory_, address feeReceiver_) AgreementCore(factory_, feeReceiver_) {}
}
